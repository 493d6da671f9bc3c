"""`bulk`: which commands there are for bulk events, and where each lives."""

from __future__ import annotations

import click

from jobs.commands.root import Commands, Later

# fmt: off
COMMANDS = (
    Later("plan", "bulk_plan:bulk_plan",
          "Ask for a bulk event: it is prepared, and waits to be previewed and confirmed."),
    Later("list", "bulk:bulk_list",
          "All batches, newest first."),
    Later("show", "bulk:bulk_show",
          "One batch: what it is about, its items by state, who did what and why, how to undo it."),
    Later("preview", "bulk_preview:bulk_preview",
          "What BATCH will do once it is confirmed: how many, how, and how long."),
    Later("confirm", "bulk:bulk_confirm",
          "Let a prepared batch take effect: the register changes now, new editions follow."),
    Later("watch", "bulk:bulk_watch",
          "Follow a batch until it ends or waits for somebody: rate, time left, failures."),
    Later("pause", "bulk:bulk_pause",
          "Begin nothing more of it; what is at work is finished."),
    Later("resume", "bulk:bulk_resume",
          "Let a paused or stopped batch go on; the brake counts failures from here."),
    Later("cancel", "bulk:bulk_cancel",
          "End it: what is not made never will be; what is made stays."),
    Later("rate", "bulk:bulk_rate",
          "How fast it may go, and before which others; from its next chunk on."),
    Later("retry-failed", "bulk:bulk_retry_failed",
          "Try everything of it that is held once more, and nothing else."),
    Later("report", "bulk_results:bulk_report",
          "What became of every item of a batch, and whether anybody was missed."),
    Later("prove", "bulk_results:bulk_prove",
          "Prove that the result of registration NUMBER is in a batch's report (RFC 6962)."),
)
# fmt: on


@click.group("bulk", cls=Commands, commands=COMMANDS)
def bulk_group() -> None:
    """Bulk events: plan, preview, confirm, watch, steer, report, prove."""
