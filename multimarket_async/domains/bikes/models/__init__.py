"""The models of bikes, one a module: `run(inputs, seed)`. Each is imported in the process of its job only."""
