package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// envBinaries names the folder with the programs. hack/test-dataplanes.sh sets
// it; then nothing is skipped.
const envBinaries = "PLAYGROUND_BINARIES"

func demoCommand(t *testing.T) *exec.Cmd {
	t.Helper()
	bin := os.Getenv(envBinaries)
	if bin == "" {
		t.Skip("it needs a data plane: run hack/test-dataplanes.sh")
	}
	// A Ctrl-C first, so that it can clean up.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "playground"), "demo", "--source", "../../../..")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = time.Minute
	return cmd
}

func TestDemo(t *testing.T) {
	cmd := demoCommand(t)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("the demo ends with %v", err)
	}
	if bytes.ContainsRune(out, '\x1b') {
		t.Error("it sends control characters to what is no terminal")
	}
	for _, want := range []string{
		`(?m)^header route +v2 +0 % .* (\d+) of (\d+)$`,
		`(?m)^5 % +v2 +5 % `,
		`(?m)^25 % +v2 +25 % `,
		`(?m)^50 % +v2 +50 % `,
		`(?m)^100 % +v2 +100 % `,
		`(?m)^5 % +v3 +5 % `,
		`(?m)^aborted +v3 +0 % `,
		`(?m)^[1-9]\d{3,} requests sent, 0 failed; besides, [1-9]\d* got the errors that v3 makes itself$`,
		`(?m)^PASSED: `,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the summary lacks %s", want)
		}
	}
	leavesNothing(t, cmd)
}

func TestDemoIsInterrupted(t *testing.T) {
	cmd := demoCommand(t)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(output); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "the shop is open") {
			break
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatalf("%v; it said:\n%s", err, said)
	}
	rest, _ := io.ReadAll(output)
	said += string(rest)
	err = cmd.Wait()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != interrupted {
		t.Errorf("it ends with %v, want code %d; it said:\n%s", err, interrupted, said)
	}
	if strings.Contains(said, "PASSED") {
		t.Errorf("it judges what it has not seen to the end; it said:\n%s", said)
	}
	leavesNothing(t, cmd)
}

// leavesNothing looks for processes and files that a run has left behind. Each
// of its processes has its TMPDIR.
func leavesNothing(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	own := cmd.Env[len(cmd.Env)-1]
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range environments {
		content, err := os.ReadFile(file)
		if err == nil && bytes.Contains(content, []byte(own)) {
			name, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
			t.Errorf("%s is still running: %s", strings.TrimSpace(string(name)), file)
		}
	}
	left, err := os.ReadDir(strings.TrimPrefix(own, "TMPDIR="))
	if err != nil || len(left) > 0 {
		t.Errorf("files are left behind: %v, %v", left, err)
	}
}
