package infra

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is one DynamoDB table, as far as an engine without an account can have
// it: encryption, backups and deletion protection exist on AWS only. All tables
// are billed by use, so there is no capacity to copy either.
type Table struct {
	Name       string // locally the logical id
	LogicalID  string
	Attributes []types.AttributeDefinition // of all the keys
	Keys       []types.KeySchemaElement
	Indexes    []types.GlobalSecondaryIndex
	StreamView types.StreamViewType // empty: no stream
	// TTLAttribute holds when an item may go, in Unix seconds; empty means
	// that items stay. DynamoDB Local takes the setting and deletes nothing.
	TTLAttribute string
}

// CreateInput returns what makes the same table elsewhere, with its indexes and
// its stream. The attribute of time to live is not part of it: DynamoDB sets
// that by a call of its own (UpdateTimeToLive). The lists are the table's own;
// the SDK only reads them.
func (t Table) CreateInput() *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: aws.String(t.Name), BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: t.Attributes, KeySchema: t.Keys, GlobalSecondaryIndexes: t.Indexes,
	}
	if t.StreamView != "" {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: t.StreamView}
	}
	return in
}

// table reads a table. The SDK's own types have fields named as in
// CloudFormation, so they need no translation.
func (e *evaluator) table(r resource) (Table, error) {
	var p struct {
		AttributeDefinitions    []types.AttributeDefinition
		KeySchema               []types.KeySchemaElement
		GlobalSecondaryIndexes  []types.GlobalSecondaryIndex
		StreamSpecification     struct{ StreamViewType types.StreamViewType }
		TimeToLiveSpecification struct {
			AttributeName string
			Enabled       bool
		}
	}
	if err := e.properties(r, &p); err != nil {
		return Table{}, err
	}
	t := Table{
		Name: r.ID, LogicalID: r.ID, Attributes: p.AttributeDefinitions, Keys: p.KeySchema,
		Indexes: p.GlobalSecondaryIndexes, StreamView: p.StreamSpecification.StreamViewType,
	}
	// A specification that is there but switched off deletes nothing.
	if p.TimeToLiveSpecification.Enabled {
		t.TTLAttribute = p.TimeToLiveSpecification.AttributeName
	}
	return t, nil
}
