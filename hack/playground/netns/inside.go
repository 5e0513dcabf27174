package netns

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// PodRange is listened on inside: each pod has an address of it.
var PodRange = netip.MustParsePrefix("10.244.0.0/16")

// Main must be called first by a program that uses Run. In a process that was
// started only to try a way in, it does that and exits.
func Main() {
	if os.Getenv(envProbe) == "" {
		return
	}
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Enter makes the namespace usable, and serves the inherited listeners until
// ctx ends: what is accepted outside goes to the same port inside. It returns
// their addresses.
func Enter(ctx context.Context) ([]string, error) {
	if err := setUp(); err != nil {
		return nil, err
	}
	var addresses []string
	for i := range inherited() {
		file := os.NewFile(uintptr(firstFD+i), "inherited")
		l, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("inherited listener %d: %w", i, err)
		}
		file.Close()
		context.AfterFunc(ctx, func() { l.Close() })
		addresses = append(addresses, l.Addr().String())
		go forward(l)
	}
	return addresses, nil
}

// setUp brings loopback up and makes the whole pod range local.
func setUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	route := &netlink.Route{
		LinkIndex: lo.Attrs().Index,
		Dst:       &net.IPNet{IP: PodRange.Addr().AsSlice(), Mask: net.CIDRMask(PodRange.Bits(), 32)},
		Type:      unix.RTN_LOCAL,
		Table:     unix.RT_TABLE_LOCAL,
		Scope:     netlink.SCOPE_HOST,
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("make %s local: %w", PodRange, err)
	}
	return nil
}

func forward(l net.Listener) {
	for {
		outside, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer outside.Close()
			inside, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				return
			}
			defer inside.Close()
			join(outside.(*net.TCPConn), inside.(*net.TCPConn))
		}()
	}
}

// join copies both ways, and passes on the end of each half.
func join(a, b *net.TCPConn) {
	var wg sync.WaitGroup
	for _, pair := range [][2]*net.TCPConn{{a, b}, {b, a}} {
		wg.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].CloseWrite()
		})
	}
	wg.Wait()
}
