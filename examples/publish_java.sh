#!/bin/sh
# Publishes one prediction and its label with the console producer that comes with Apache Kafka.
# A tab stands between key (the model's name) and value. Java clients use murmur2 by themselves.
#
#   examples/publish_java.sh [BOOTSTRAP_SERVERS [PREDICTIONS_TOPIC FEEDBACK_TOPIC]]
set -eu

bootstrap=${1:-localhost:9092}
predictions=${2:-predictions}
feedback=${3:-feedback}
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)

# From Kafka 4.2 on the option is also called --reader-property; this name works with all versions before 5.
publish() {
    kafka-console-producer.sh --bootstrap-server "$bootstrap" --topic "$1" --property parse.key=true
}

printf 'fraud\t{"prediction_id": "java-1", "model": "fraud", "version": "3", "timestamp": "%s", "features": {"amount": 42.5, "country": "DE"}, "prediction": 1}\n' "$now" |
    publish "$predictions"

printf 'fraud\t{"prediction_id": "java-1", "model": "fraud", "label": 0, "timestamp": "%s"}\n' "$now" |
    publish "$feedback"
