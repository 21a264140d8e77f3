package node

import "github.com/recall-ledger/recall-ledger/ledger/replay"

// openPast makes what answers for past moments, and the job that looks after it.
func (n *Node) openPast() error {
	var err error
	n.past, err = replay.New(replay.Config{
		Ledger: n.ledger, Dir: n.c.Data, Clock: n.c.Clock, Logger: n.c.Logger, Decision: n.decision(), Keep: n.c.Log.MaxAge,
	})
	if err == nil {
		n.jobs = append(n.jobs, job{"", n.past.Run})
	}
	return err
}
