"""Controllers: deployments make replica sets, replica sets make pods, services get endpoints."""
