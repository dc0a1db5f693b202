"""The words everyone uses: tables, parameters, plugins, shards."""
