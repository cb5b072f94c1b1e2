"""Tools for agents: the whole way from a file to an answering model, by the Model Context Protocol.

The same tools are offered by `luthier mcp` over stdio and by the platform at /mcp. Each is made of requests to the API,
so that scopes, roles, limits and the audit hold for agents as for everybody.
"""
