#!/usr/bin/env bash
# secrets.sh [FOLDER]: what deploy/compose.yaml reads from deploy/secrets/, made at random where it
# is not there yet; a file that is there stays as it is.
#
# The folder is closed to everybody but its owner; the files in it are not, since each container
# reads its own under an account of its own (Compose mounts them as they are).

set -euo pipefail
umask 022

FOLDER=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/secrets}
mkdir -p "$FOLDER"
chmod 700 "$FOLDER"
cd "$FOLDER"

random() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# keep NAME TEXT: the file, unless it is there.
keep() {
    if [ -s "$1" ]; then return; fi
    printf '%s\n' "$2" >"$1.new"
    chmod 444 "$1.new"
    mv "$1.new" "$1"
    echo "made $1"
}

# A name for the upstream system that puts scans into the intake bucket, and only does that.
identities() {
    cat <<JSON
{"identities": [
  {"name": "factory", "credentials": [{"accessKey": "$(cat s3_key)", "secretKey": "$(cat s3_secret)"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "upstream", "credentials": [{"accessKey": "$(cat upstream_s3_key)", "secretKey": "$(cat upstream_s3_secret)"}],
   "actions": ["Write:intake"]}
]}
JSON
}

# For a trial, and until yours is there: a certificate that nobody trusts.
certificate() {
    if [ -s tls_certificate ]; then return; fi
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
        -subj "/CN=factory.example" -addext "subjectAltName=DNS:factory.example,DNS:localhost" \
        -keyout tls_key.new -out tls_certificate.new 2>/dev/null
    chmod 444 tls_key.new tls_certificate.new
    mv tls_key.new tls_key
    mv tls_certificate.new tls_certificate
    echo "made tls_certificate and tls_key: put yours in their place"
}

keep db_password "$(random 24)"
keep db_url "postgresql://factory:$(cat db_password)@postgres:5432/factory"
keep broker_auth "requirepass $(random 24)"
keep redis_url "redis://:$(cut -d' ' -f2 broker_auth)@valkey:6379/0"
keep s3_key "$(random 10)"
keep s3_secret "$(random 20)"
keep upstream_s3_key "$(random 10)"
keep upstream_s3_secret "$(random 20)"
keep s3_config "$(identities)"
keep keyring_passphrase "$(random 24)"
keep grafana_password "$(random 12)"
certificate
