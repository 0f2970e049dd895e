"""The demo: a real online model on a real data set, an upstream change, the pages, the fix, the closes."""
