"""What people ask the router to do: handed in at the store, taken up by whichever router leads."""
