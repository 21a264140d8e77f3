package node

import (
	"fmt"
	"syscall"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// disk tells how full the disk with the data folder is.
func (n *Node) disk() (api.Disk, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(n.c.Data, &s); err != nil {
		return api.Disk{}, fmt.Errorf("look at the disk of the data folder: %w", err)
	}
	block := uint64(s.Bsize)
	return api.Disk{Free: s.Bavail * block, Total: s.Blocks * block}, nil
}
