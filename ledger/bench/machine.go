package bench

import (
	"bufio"
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is where a run was. What the system does not tell is empty.
type Machine struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
	// CPUs are those the process may use.
	CPUs int    `json:"cpus"`
	CPU  string `json:"cpu,omitempty"`
	// Memory is in bytes.
	Memory uint64 `json:"memory_bytes,omitempty"`
	Go     string `json:"go"`
}

// thisMachine describes the machine. Only Linux tells the model and the memory.
func thisMachine() Machine {
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		CPU: procField("/proc/cpuinfo", "model name"), Memory: kibibytes(procField("/proc/meminfo", "MemTotal")),
	}
}

// procField returns the first value under a name in a file of "name: value"
// lines, "" when there is none.
func procField(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// kibibytes reads "1234 kB" as bytes, 0 when it is something else.
func kibibytes(s string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// peakMemory is the largest resident memory of a process so far, in bytes; NaN
// where the system does not tell.
func peakMemory(pid int) float64 {
	if n := kibibytes(procField("/proc/"+strconv.Itoa(pid)+"/status", "VmHWM")); n > 0 {
		return float64(n)
	}
	return math.NaN()
}

// Disk is what the disk under the run does on its own.
type Disk struct {
	// FileSystem is its kind, "" where the system does not tell.
	FileSystem string `json:"file_system,omitempty"`
	// PerSecond is how often 4 KiB were written and fsynced; P50 and P99 are
	// what one took, in seconds.
	PerSecond float64 `json:"fsyncs_per_second"`
	P50       float64 `json:"fsync_p50_seconds"`
	P99       float64 `json:"fsync_p99_seconds"`
}

// fileSystem returns the kind of file system that holds a folder.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return ""
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return ""
	}
	kind, longest := "", -1
	for s := bufio.NewScanner(bytes.NewReader(mounts)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 3 {
			continue
		}
		inside := f[1] == "/" || dir == f[1] || strings.HasPrefix(dir, f[1]+"/")
		// A later mount hides an earlier one at the same place.
		if inside && len(f[1]) >= longest {
			kind, longest = f[2], len(f[1])
		}
	}
	return kind
}

// fsyncs writes and syncs 4 KiB so many times and returns what each took, in
// seconds.
func fsyncs(dir string, n int, clock func() time.Time) (took []float64, err error) {
	f, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	for range n {
		start := clock()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, clock().Sub(start).Seconds())
	}
	return took, nil
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}
