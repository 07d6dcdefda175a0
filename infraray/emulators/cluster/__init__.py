"""An embedded Kubernetes cluster: its parts know each other through the API only."""
