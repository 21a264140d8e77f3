package jetstream

// LeaseOwner is the node among several to which a lease belongs.
func LeaseOwner(lease string, nodes ...string) string {
	owner := nodes[0]
	for _, n := range nodes[1:] {
		if prefers(lease, n, owner) {
			owner = n
		}
	}
	return owner
}
