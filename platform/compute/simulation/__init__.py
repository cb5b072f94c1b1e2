"""What the scheduler will do: its own function called again and again on a pool that exists only in memory. Pure.

`engine` runs a pool through time, `forecasts` makes ranges of many such runs.
"""

from compute.simulation.engine import Arrival, Costs, Lived, Simulation, Stay

__all__ = ["Arrival", "Costs", "Lived", "Simulation", "Stay"]
