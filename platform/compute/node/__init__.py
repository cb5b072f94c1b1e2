"""What happens on a node: its devices, its worker, and the supervisors that start, follow and end process trees."""
