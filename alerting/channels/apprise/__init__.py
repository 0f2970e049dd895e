"""Everything that driftbell does not know itself, by way of the library Apprise. Never for paging."""
