package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// pgbench runs bench/charge.sql.
type pgbench struct {
	path    string
	script  string // the script's file
	socket  string // the folder of PostgreSQL's socket
	clients int
	facts   map[string]string // values of a charge that need no calculation; see watchOneCharge
}

// runCharges makes n charges, of the orders from number offset on.
func (p *pgbench) runCharges(ctx context.Context, offset, n int) (sample, error) {
	dir, err := os.MkdirTemp(filepath.Dir(p.script), "round")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Join(dir, "log")
	cmd := exec.CommandContext(ctx, p.path, p.commandLineArguments(prefix, offset, n)...)
	cmd.Env = []string{} // keeps PGOPTIONS and similar variables out
	if output, err := cmd.CombinedOutput(); err != nil {
		return sample{}, fmt.Errorf("pgbench: %w\n%s", err, output)
	}
	s, err := readLogs(prefix)
	if err == nil && len(s.latencies) != n {
		err = fmt.Errorf("pgbench made %d charges of %d", len(s.latencies), n)
	}
	return s, err
}

// commandLineArguments asks for prepared statements, because the server's driver prepares
// statements, too.
func (p *pgbench) commandLineArguments(prefix string, offset, n int) []string {
	args := []string{"--no-vacuum", "--protocol=prepared", "--file=" + p.script, "--log", "--log-prefix=" + prefix,
		"--host=" + p.socket, "--username=postgres", "--client=" + strconv.Itoa(p.clients),
		"--jobs=" + strconv.Itoa(min(p.clients, runtime.NumCPU())), "--transactions=" + strconv.Itoa(n/p.clients)}
	for name, number := range map[string]int{"turn": 0, "clients": p.clients, "orders": n,
		"first_order": firstOrder + offset, "first_payment": firstPayment + offset} {
		args = append(args, fmt.Sprintf("--define=%s=%d", name, number))
	}
	for name, value := range p.facts {
		args = append(args, "--define="+name+"="+value)
	}
	return append(args, "postgres")
}

// readLogs reads the files of pgbench --log: one line per transaction, one file per thread.
func readLogs(prefix string) (sample, error) {
	files, err := filepath.Glob(prefix + ".*")
	if err != nil {
		return sample{}, err
	}
	var s sample
	var first, last time.Time
	for _, name := range files {
		err := readLog(name, func(end time.Time, latency time.Duration) {
			s.latencies = append(s.latencies, latency)
			if begin := end.Add(-latency); first.IsZero() || begin.Before(first) {
				first = begin
			}
			if end.After(last) {
				last = end
			}
		})
		if err != nil {
			return sample{}, err
		}
	}
	s.took = last.Sub(first)
	return s, nil
}

func readLog(name string, each func(end time.Time, latency time.Duration)) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var client, number, latency, script, seconds, micros int64
		_, err := fmt.Sscan(lines.Text(), &client, &number, &latency, &script, &seconds, &micros)
		if err != nil {
			return fmt.Errorf("read pgbench's log %q: %w", lines.Text(), err)
		}
		each(time.Unix(seconds, micros*1000), time.Duration(latency)*time.Microsecond)
	}
	return lines.Err()
}
