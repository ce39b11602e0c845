"""A frozen protocol that compares inputs, models and tasks."""
