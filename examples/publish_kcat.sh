#!/bin/sh
# Publishes one prediction and its label with kcat. A tab stands between key (the model's name) and value.
#
#   examples/publish_kcat.sh [BOOTSTRAP_SERVERS [PREDICTIONS_TOPIC FEEDBACK_TOPIC]]
set -eu

bootstrap=${1:-localhost:9092}
predictions=${2:-predictions}
feedback=${3:-feedback}
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# Without murmur2_random kcat places keys by CRC32, and labels miss the predictions of other clients.
publish() {
    kcat -P -b "$bootstrap" -t "$1" -K '\t' -X partitioner=murmur2_random -X enable.idempotence=true
}

printf 'fraud\t{"prediction_id": "kcat-1", "model": "fraud", "version": "3", "timestamp": "%s", "features": {"amount": 42.5, "country": "DE"}, "prediction": 1}\n' "$now" |
    publish "$predictions"

printf 'fraud\t{"prediction_id": "kcat-1", "model": "fraud", "label": 0, "timestamp": "%s"}\n' "$now" |
    publish "$feedback"
