"""The only folder that knows Faust, aiokafka and confluent-kafka: transport, broker, checks before the start."""
