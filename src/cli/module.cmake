add_commit(sources)
