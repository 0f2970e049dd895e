"""How columns are watched for drift: one kind of column per file, behind one port."""
