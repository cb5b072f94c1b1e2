"""From any server of OpenAI's shape into Luthier: files, jobs, what the old models answer, new jobs, and their parity.

Everything lies in one folder, private to its owner, which can be copied and gone on with elsewhere. Keys never lie in
it.
"""
