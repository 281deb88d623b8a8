"""Gate, promotion, rollback, and the MLflow registry as a projection of the ledger."""
