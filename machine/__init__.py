"""What this machine can do. Trainer, engine and tests ask here; `machine.facts` needs no PyTorch."""
