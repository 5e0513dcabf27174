// Command playground runs a Kubernetes control plane, a node and a data plane on
// this machine, for as long as it runs itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-rollouts/sluice/hack/playground/netns"
)

const usage = `playground runs a Kubernetes control plane, a node and a data plane on this
machine, without root or containers, until it is told to stop.

  playground up     run a control plane and a node
  playground demo   show a rollout with real traffic, and check what it promises
  playground check  tell whether pods can serve here, in a network namespace

"playground <command> --help" lists its flags.
`

// interrupted is how a shell names the end by Ctrl-C.
const interrupted = 130

// errUsage was already explained.
var errUsage = errors.New("usage")

func main() {
	netns.Main()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code, err := run(ctx, os.Args[1:])
	brokenOff := err != nil && ctx.Err() != nil
	stop()
	switch {
	case brokenOff:
		code = interrupted
	case errors.Is(err, flag.ErrHelp):
		code = 0
	case errors.Is(err, errUsage):
		code = 2
	case err != nil:
		fmt.Fprintln(os.Stderr, "playground:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "up":
		return up(ctx, args)
	case "demo":
		return runDemo(ctx, args)
	case "check":
		return 0, netns.Check()
	case "help", "-h", "--help":
		fmt.Print(usage)
		return 0, nil
	default:
		fmt.Fprint(os.Stderr, usage)
		return 2, nil
	}
}

// flags makes a flag set whose help starts with what the command does.
func flags(name, about string) *flag.FlagSet {
	f := flag.NewFlagSet("playground "+name, flag.ContinueOnError)
	f.Usage = func() {
		fmt.Fprintf(f.Output(), "%s\n\nFlags:\n", strings.TrimSpace(about))
		f.PrintDefaults()
	}
	return f
}

func parse(f *flag.FlagSet, args []string) error {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return errUsage
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; see --help", f.Arg(0))
	}
	return nil
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// ownFolder is where build.sh has put this program and the others.
func ownFolder() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

// enter makes the namespace usable, and returns the addresses in it that are
// reachable from outside: one for the API server, one for a data plane.
func enter(ctx context.Context) (apiServer, web string, err error) {
	addresses, err := netns.Enter(ctx)
	if err != nil {
		return "", "", fmt.Errorf("enter the namespace: %w", err)
	}
	if len(addresses) != listeners {
		return "", "", fmt.Errorf("%d listeners inherited, want %d", len(addresses), listeners)
	}
	return addresses[0], addresses[1], nil
}

// listeners that stay reachable from outside: the API server's and the data
// plane's.
const listeners = 2
