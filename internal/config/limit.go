package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/time/rate"
)

// Rate limits the calls of one caller: bursts of Burst calls, and Limit calls a second in the long
// run. An unlimited Rate has rate.Inf.
type Rate struct {
	Limit rate.Limit
	Burst int
}

var rateText = regexp.MustCompile(`^([0-9]{1,6})/(s|m)(?: burst ([0-9]{1,6}))?$`)

// UnmarshalText reads 20/s, 30/m, 20/s burst 40, or off. Without a burst, the burst equals the
// number of calls in one unit of time.
func (r *Rate) UnmarshalText(text []byte) error {
	*r = Rate{Limit: rate.Inf}
	if string(text) == "off" || string(text) == "0" {
		return nil
	}
	parts := rateText.FindStringSubmatch(string(text))
	if parts == nil {
		return fmt.Errorf("%q is not like 20/s, 30/m burst 10 or off", text)
	}
	calls, _ := strconv.Atoi(parts[1])
	burst := calls
	if parts[3] != "" {
		burst, _ = strconv.Atoi(parts[3])
	}
	if calls < 1 || burst < 1 {
		return fmt.Errorf("%q lets nobody in; off is for no limit", text)
	}
	*r = Rate{Limit: rate.Limit(calls), Burst: burst}
	if parts[2] == "m" {
		r.Limit /= 60
	}
	return nil
}

// Networks are addresses, given as single addresses or in CIDR notation.
type Networks []netip.Prefix

// No real set of proxies or senders fills a wider network: trusting a wider network is a slip of
// the pen.
const (
	widestIPv4 = 8
	widestIPv6 = 16
)

// UnmarshalText reads a list separated by commas: 10.0.0.0/8, 192.0.2.1, 2001:db8::/32.
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for _, part := range trimList(strings.Split(string(text), ",")) {
		network, err := parseNetwork(part)
		if err != nil {
			return fmt.Errorf("%q is not an address, nor a network such as 10.0.0.0/8", part)
		}
		widest := widestIPv6
		if network.Addr().Is4() {
			widest = widestIPv4
		}
		if network.Bits() < widest {
			return fmt.Errorf("%q is wider than /%d, and would mean nearly everybody", part, widest)
		}
		*n = append(*n, network)
	}
	return nil
}

// parseNetwork reads IPv4 inside IPv6 as IPv4, as addresses are compared.
func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		return netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()), err
	}
	network, err := netip.ParsePrefix(text)
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), err
}

// Senders are Networks allowed to send webhooks. The word iamport stands for Iamport's own
// addresses.
type Senders []netip.Prefix

// iamportSenders are the origins of webhooks (contract §2.3). All three addresses are listed,
// because Iamport has added two addresses before.
const iamportSenders = "52.78.100.19,52.78.48.223,52.78.5.241"

// UnmarshalText reads the syntax of Networks, and the word iamport.
func (s *Senders) UnmarshalText(text []byte) error {
	parts := trimList(strings.Split(string(text), ","))
	for i, part := range parts {
		if part == "iamport" {
			parts[i] = iamportSenders
		}
	}
	return (*Networks)(s).UnmarshalText([]byte(strings.Join(parts, ",")))
}
