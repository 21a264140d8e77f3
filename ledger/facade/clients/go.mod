module github.com/recall-ledger/recall-ledger/ledger/facade/clients

go 1.26

require (
	github.com/alibabacloud-go/darabonba-openapi/v2 v2.1.13 // indirect
	github.com/alibabacloud-go/tea v1.5.3 // indirect
	github.com/aliyun/alibaba-cloud-sdk-go v1.63.107 // indirect
)
