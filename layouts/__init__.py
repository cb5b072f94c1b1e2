"""How published models with their own code lay out settings and weights, in terms of known architectures.

Pure standard library, so that both sides of the seam can import it: the catalogue rewrites such a folder when it is
imported, the trainer reads it as it stands.
"""
