"""What administrators see and change: nodes, the queue, quotas, and how teams stand."""
