package runner

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// process is a line of the process list.
type process struct {
	identity
	ppid, pgid int
	dead       bool // a zombie
}

// processes lists all processes that /proc shows. It takes a millisecond or two, and is needed only while stopping.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var list []process
	for _, name := range names {
		if name[0] < '1' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		if p, ok := parseStat(stat); ok {
			list = append(list, p)
		}
	}
	return list
}

// parseStat reads proc_pid_stat(5): "pid (name) state ppid pgrp ... starttime". The name may hold anything.
func parseStat(stat []byte) (p process, ok bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 1 || end < open {
		return p, false
	}
	f := strings.Fields(string(stat[end+1:]))
	if len(f) < 20 {
		return p, false
	}
	var errs [4]error
	p.pid, errs[0] = strconv.Atoi(string(bytes.TrimSpace(stat[:open])))
	p.ppid, errs[1] = strconv.Atoi(f[1])
	p.pgid, errs[2] = strconv.Atoi(f[2])
	p.start, errs[3] = strconv.ParseUint(f[19], 10, 64)
	p.dead = f[0] == "Z" || f[0] == "X"
	return p, errs == [4]error{}
}
