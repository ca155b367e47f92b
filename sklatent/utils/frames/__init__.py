"""Tables whose columns have names and types: read as numbers, and written back.

================  ==================================================================
`_schema.py`      what is kept of a table: of each column its name, type and kind
`_read.py`        the kinds of the columns, and the numbers that stand for the entries
`_write.py`       frames of pandas and polars made of such numbers
================  ==================================================================
"""
