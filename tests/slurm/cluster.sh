#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, all of it in one folder, for tests.
#   cluster.sh start FOLDER [--accounting]    prints the path to export as SLURM_CONF
#   cluster.sh stop FOLDER
# --accounting keeps a database too, which sacct needs.
set -euo pipefail

usage="usage: cluster.sh start FOLDER [--accounting] | cluster.sh stop FOLDER"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
node=node1
daemons=(slurmd slurmctld slurmdbd mariadbd munged)

fail() {
  local log
  echo "cluster.sh: $1" >&2
  for log in "$folder"/log/*.log; do
    [[ ! -e $log ]] || { echo "== $log" && tail -n 5 "$log"; } >&2
  done
  stop
  exit 1
}

# Counted by the clock: a command that finds no daemon may take many seconds to say so.
wait_for() {
  local end=$((SECONDS + 30))
  while ((SECONDS < end)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.25
  done
  return 1
}

# Two clusters that start at once may pick the same port: the second then does not come up.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# The number in an old file may be another program's by now, or a dead one's that nobody waits for.
pid_of() {
  local pid
  pid=$(cat "$run/$1.pid" 2>/dev/null) || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$1" && -e /proc/$pid/exe ]] && echo "$pid"
}

gone() {
  ! pid_of "$1"
}

write_conf() {
  local accounting=$1 cpus memory user host
  cpus=$(nproc)
  memory=$(slurmd -C | sed -n 's/.*RealMemory=\([0-9]*\).*/\1/p')
  user=$(id -un)
  host=$(hostname -s)
  cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
# A requeued job waits until its credential has expired: 120 s unless told, and 5 at least.
AuthInfo=socket=$run/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
MailProg=/bin/true
# Needs no control groups, which a container seldom may make.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1024
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
MinJobAge=300
KillWait=5
InactiveLimit=0
JobRequeue=1
ReturnToService=2
SlurmdTimeout=15
# The node may claim more cores than the machine has.
SlurmdParameters=config_overrides
NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 CPUs=$((cpus < 2 ? 2 : cpus)) RealMemory=$memory
PartitionName=debug Nodes=$node Default=YES MaxTime=INFINITE
PartitionName=short Nodes=$node MaxTime=5
CONF
  if [[ $accounting ]]; then
    local port
    port=$(free_port)
    cat >>"$SLURM_CONF" <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$port
AccountingStoragePass=$run/munge.socket
AccountingStorageEnforce=associations
CONF
    # slurmdbd looks for its file beside slurm.conf and refuses one that others can read.
    (umask 077 && cat >"$folder/slurmdbd.conf") <<CONF
AuthType=auth/munge
AuthInfo=socket=$run/munge.socket
DbdHost=$host
DbdAddr=127.0.0.1
DbdPort=$port
SlurmUser=$user
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=$user
LogFile=$folder/log/slurmdbd.log
PidFile=$run/slurmdbd.pid
CONF
  fi
}

start_accounting() {
  local options=(--no-defaults "--datadir=$folder/database" "--user=$(id -un)" --innodb-log-file-size=4M)
  export MYSQL_UNIX_PORT=$run/mariadb.socket
  mariadb-install-db "${options[@]}" --auth-root-authentication-method=normal --skip-test-db \
    >"$folder/log/mariadb-install.log" 2>&1 || fail "the database could not be made"
  setsid mariadbd "${options[@]}" --skip-networking --skip-grant-tables --socket="$MYSQL_UNIX_PORT" \
    --pid-file="$run/mariadbd.pid" >"$folder/log/mariadbd.log" 2>&1 </dev/null &
  wait_for mariadb-admin --no-defaults ping || fail "mariadbd did not start"
  slurmdbd >&2 || fail "slurmdbd did not start"
  wait_for sacctmgr -n show cluster || fail "slurmdbd did not answer"
  { sacctmgr -i add cluster test && sacctmgr -i add account tests &&
    sacctmgr -i add user "$(id -un)" account=tests; } >&2 || fail "no account could be made"
}

idle() {
  [[ $(sinfo -h -p debug -o %T) == idle ]]
}

start() {
  [[ $folder != *[[:space:],]* ]] || { echo "cluster.sh: slurm.conf cannot hold the path $folder" >&2; exit 1; }
  [[ -z $(ls -A "$folder" 2>/dev/null) ]] || { echo "cluster.sh: $folder is not empty" >&2; exit 1; }
  local accounting=${1:-} tool tools=(munged slurmctld slurmd sinfo)
  [[ -z $accounting ]] || tools+=(slurmdbd sacctmgr mariadbd mariadb-install-db mariadb-admin)
  for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
  mkdir -p "$folder"/{run,log,state,spool}
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
  write_conf "$accounting"
  munged --force --key-file="$folder/munge.key" --socket="$run/munge.socket" --pid-file="$run/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$run/munged.seed" >&2 || fail "munged did not start"
  [[ -z $accounting ]] || start_accounting
  slurmctld -c >&2 || fail "slurmctld did not start"
  slurmd -N "$node" >&2 || fail "slurmd did not start"
  wait_for idle || fail "the node was not idle after 30 s"
  echo "$SLURM_CONF"
}

stop_daemon() {
  local pid
  pid=$(pid_of "$1") || return 0
  kill "$pid" 2>/dev/null || true
  wait_for gone "$1" || kill -KILL "$pid" 2>/dev/null || true
}

# Jobs outlive slurmd, and a daemon that has just begun has no pid file yet. All of them know
# the cluster by their environment, as may the caller, who is no job.
kill_rest() {
  local environ process
  for environ in $(grep -lzsxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ); do
    process=${environ%/environ}
    if [[ " ${daemons[*]} slurmstepd " == *" $(cat "$process/comm" 2>/dev/null) "* ]] ||
      grep -qzs '^SLURM_JOB_ID=' "$environ"; then
      kill -KILL "${process#/proc/}" 2>/dev/null || true
    fi
  done
}

stop() {
  local daemon
  for daemon in "${daemons[@]}"; do
    stop_daemon "$daemon"
  done
  kill_rest
}

[[ $# -ge 2 ]] || { echo "$usage" >&2; exit 1; }
folder=$(realpath -m "$2")
run=$folder/run
export SLURM_CONF=$folder/slurm.conf
case "$1 ${*:3}" in
  "start " | "start --accounting") start "${3:-}" ;;
  "stop ") stop ;;
  *) echo "$usage" >&2; exit 1 ;;
esac
