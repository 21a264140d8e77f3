// Package clients points real, unmodified clients of the vendors at a running
// node: what a facade promises is what these clients understand.
//
// It is a module of its own, so that the product's go.mod stays clean. Its tests
// build the product's binary, start one node on a loopback port, enter keys over
// HTTP, and change nothing in a client but the endpoint:
//
//   - github.com/aliyun/alibaba-cloud-sdk-go, services/mpaas: signature v1;
//   - github.com/alibabacloud-go/darabonba-openapi/v2: ACS3;
//   - the clients in package.json: @alicloud/pop-core, @alicloud/openapi-client
//     and tls-sig-api-v2, by TestNode, which runs them with Node's own test
//     runner.
//
// TestNode needs Node 20 and npm. Where there is no node on the PATH it passes
// without having tested anything and says so, which go test shows under -v only.
// It installs what package.json names into node_modules, so the first run needs
// a network, as Go's own downloads do.
//
// TPNS and UMS have no client that installs from a registry: their tests use
// recorded requests, in the facades' own packages.
//
// The node's log of the last run is in node.log.
//
//	cd ledger/facade/clients && go test ./...
package clients
