"""certfactory: the command line; each command lives in a module of `jobs/commands/`."""

from __future__ import annotations

import click

from jobs.commands.root import Commands, Later

# fmt: off
COMMANDS = (
    Later("demo", "demo:demo_command",
          "Issue the example certificates, rename an enterprise, collect, download and verify."),
    Later("up", "running:up",
          "Run everything on this machine until Ctrl-C: broker, store, ledger, workers, metrics,"
          " HTTP."),
    Later("work", "running:work",
          "Run this machine's workers, relay and metrics against the servers the settings name."),
    Later("serve", "running:serve",
          "Serve the HTTP interface of upstream systems until Ctrl-C, beside `work`."),
    Later("tsa", "stamping:tsa_command",
          "Run a small time-stamping authority with the test key of the keyring, for trials."),
    Later("prepare", "running:prepare",
          "Make what a new installation needs: keyring, schema, buckets; safe to run again."),
    Later("migrate", "running:migrate",
          "Bring the ledger's schema to the version of this code; safe to run again."),
    Later("backup", "backup:backup_command",
          "Copy the ledger (备份) into FOLDER while everything runs: whole, and with its digests."),
    Later("restore", "backup:restore_command",
          "Put the newest backup in FOLDER back (恢复): no number is given out twice."),
    Later("doctor", "running:doctor_command",
          "Look at settings, fonts, keys, database, broker, store and workers; say what to do."),
    Later("keys", "keys:keys_group",
          "Signing identities, seals and trust roots; operators; access keys."),
    Later("signer", "signer:signer_group",
          "Hold the keys and sign for the workers until Ctrl-C (签名进程); see its journal, stop"
          " it."),
    Later("sources", "sources:sources_group",
          "Upstream systems, and the profiles each may submit for."),
    Later("notify", "notify:notify_group",
          "What upstream systems are told: where notices (通知) go, again, or not at all."),
    Later("register", "register:register_group",
          "An existing register: take it over, with its numbers."),
    Later("simulate", "simulate:simulate_group",
          "Synthetic registers of any size, to be taken over for trials and measuring."),
    Later("events", "events:events_group",
          "What may be submitted: JSON Schemas and examples."),
    Later("preview", "preview:preview",
          "Draw a document of KIND without sealing it: a PDF marked 样张, and pictures of it."),
    Later("numbers", "numbers:numbers_group",
          "Numbers for upstream systems that have no series of their own."),
    Later("submit", "submit:submit",
          "Take events from FILE (- for standard input): CloudEvents JSON or JSON Lines."),
    Later("status", "enquiry:status",
          "Where an event, an application or a registration stands, and whose turn it is."),
    Later("stats", "figures:stats",
          "How many certificates were issued, reissued, collected, held, revoked and expired, and"
          " why."),
    Later("expiring", "expiring:expiring_command",
          "What ends soon (到期): certificates, keys, seals, CAs and tokens; and tell upstream."),
    Later("upkeep", "upkeep:upkeep_command",
          "Keep files provable: stamp those that were released without, archive those that end"
          " soon."),
    Later("drill", "drill:drill_command",
          "Run the whole line under faults, then show that nothing was lost or issued twice."),
    Later("recheck", "recheck:recheck_command",
          "Verify everything that was issued (复核), by a path of its own."),
    Later("plan", "capacity:plan_command",
          "How long so many certificates take, and how many workers make them in time (产能测算)."),
    Later("enterprise", "enterprise:enterprise",
          "How the people of the enterprise CODE stand, and who of a rename has collected (领证)."),
    Later("materials", "enquiry:materials",
          "List the materials (申报材料) of the application NUMBER (受理编号), or get one."),
    Later("material", "material:material_group",
          "Whether a file would be taken as a material (申报材料)."),
    Later("documents", "documents:documents_command",
          "The documents of application NUMBER (受理编号): form, notice, slip; or a link to one."),
    Later("form", "form:form_group",
          "Person and enterprise sign the application form with keys of their own."),
    Later("slip", "enquiry:slip",
          "The filing number and query code (办件申报号, 查询密码) of application NUMBER."),
    Later("collect", "desk:collect",
          "The holder confirms and takes the current edition (领证); then link works."),
    Later("link", "desk:link",
          "A signed link that downloads the certificate of registration NUMBER."),
    Later("verify", "desk:verify",
          "Check files: ours or not, intact, which edition, in force or not, sealed by whom."),
    Later("audit", "audit:audit_group",
          "The log (核查日志): that nothing was removed, altered or put in; heads and proofs."),
    Later("bulk", "bulk_group:bulk_group",
          "Bulk events: plan, preview, confirm, watch, steer, report, prove."),
    Later("reissue", "bulk_plan:reissue",
          "Issue certificates anew, by their registration NUMBERs (指定换发)."),
    Later("held", "held:held_group",
          "What is stopped for a person: why, and whose turn it is."),
    Later("personal", "personal:personal_group",
          "What is known of a person: handed out, sealed anew, erased by rule (个人信息)."),
    Later("fonts", "fonts:fonts_group",
          "Which characters can be printed, and fonts for those that cannot."),
    Later("completion", "completion:completion",
          'Print the completion script of a shell: eval "$(certfactory completion bash)".'),
)
# fmt: on


@click.group(
    cls=Commands, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="certificate-factory")
def main() -> None:
    """Issue sealed electronic registration certificates, and reissue them in bulk.

    Events come in (submit), certificates are made by the workers (up, work), holders collect
    them (collect, link), and anyone can check a file (verify).

    \b
    Exit codes: 0 done | 1 refused or not genuine | 2 usage | 3 not set up
                4 not found | 5 state forbids it | 6 try again | 7 not in force
    """


if __name__ == "__main__":
    main()
