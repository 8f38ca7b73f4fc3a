# Read before a program in Ruby: what it prints goes out at once.
$stdout.sync = true
