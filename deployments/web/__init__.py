"""What people and programs manage: pages, and Luthier's own API."""
