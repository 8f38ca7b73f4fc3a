# Runs the cells of a session in bash. $1: the number of the first; $2: the descriptor on which PID 1 names the next one;
# $3: the descriptor on which it is told that one is done, with its exit status.
_sandbox_number=$1 _sandbox_begin=$2 _sandbox_said=$3
set --
trap 'return 130 2>/dev/null' INT # from the cell
while
    source "/sandbox/cell-$_sandbox_number.bash"
    printf 'done %d %d\n' "$_sandbox_number" "$?" >&"$_sandbox_said"
    IFS= read -r -u "$_sandbox_begin" _sandbox_number
do
    :
done
