"""What the brokers say of the logs of the inputs, asked in requests that aiokafka does not have."""
