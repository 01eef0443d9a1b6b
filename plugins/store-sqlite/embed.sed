# A file of SQL as one C string: a line of it is a line of the string.
s/\\/\\\\/g
s/"/\\"/g
s/^/"/
s/$/\\n"/
