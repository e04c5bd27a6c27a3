"""`scripts/campaign cluster`: a RabbitMQ cluster that loses nodes."""
