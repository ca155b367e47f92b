"""Tables whose columns have names and types: read as numbers, and written back.

================  ==================================================================
`_schema.py`      what is kept of a table: of each column its name, type and kind
`_entries.py`     the columns of any library, their entries, and which are missing
`_kinds.py`       the kind of each column
`_numbers.py`     columns of numbers
`_levels.py`      columns of strings, booleans and categories
`_times.py`       columns of dates and durations
`_names.py`       columns that may name the rows
`_read.py`        the schema of a table, and the numbers that stand for its entries
`_write.py`       frames of pandas and polars made of such numbers
`_output.py`      which of these the methods of an estimator return
================  ==================================================================
"""
