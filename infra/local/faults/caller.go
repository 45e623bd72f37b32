package faults

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// caller finds the process behind a request: by the path that it was given or,
// when it came to the anonymous address, by the socket at the other end. Where
// sockets cannot be looked up (outside Linux), a process that works on something
// is taken for the caller. Nil means that nobody we know called.
func (p *Proxy) caller(function, instance, remote string) *peer {
	if function != "-" {
		known, ok := p.peers.Load(function + "/" + instance)
		if !ok {
			return nil
		}
		return known.(*peer)
	}
	inode := p.socket(remote)
	var found, busy *peer
	p.peers.Range(func(_, value any) bool {
		candidate := value.(*peer)
		if inode != "" && holds(candidate.process.PID(), inode) {
			found = candidate
			return false
		}
		if candidate.process.Invocation() != "" {
			busy = candidate
		}
		return true
	})
	if found != nil || inode != "" {
		return found
	}
	return busy
}

// socket is the inode of the socket with the local address remote that is
// connected to us, as /proc/net/tcp has it.
func (p *Proxy) socket(remote string) string {
	_, port, err := net.SplitHostPort(remote)
	if err != nil {
		return ""
	}
	theirs, err := strconv.Atoi(port)
	if err != nil {
		return ""
	}
	ours := p.listener.Addr().(*net.TCPAddr).Port
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer f.Close()
	// 127.0.0.1 in the order of bytes that Linux prints on all machines we know.
	from, to := fmt.Sprintf("0100007F:%04X", theirs), fmt.Sprintf("0100007F:%04X", ours)
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) > 9 && fields[1] == from && fields[2] == to {
			return fields[9]
		}
	}
	return ""
}

// holds says whether a process has the socket open.
func holds(pid int, inode string) bool {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == "socket:["+inode+"]" {
			return true
		}
	}
	return false
}
