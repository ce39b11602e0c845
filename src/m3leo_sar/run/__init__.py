"""Long runs that bring an archive or a store up to date: plan, jobs, workers, ledger."""
