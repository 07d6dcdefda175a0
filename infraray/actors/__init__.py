"""Everything that runs on Ray: the scheduler in the driver; rollout workers and the collector as actors."""
