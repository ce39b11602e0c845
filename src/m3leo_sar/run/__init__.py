"""Long runs that update an archive or a store: plan, jobs, workers, ledger."""
