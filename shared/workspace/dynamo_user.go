package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
)

// OfUser returns the workspaces that a user is in now, by id. One that has ended
// is not among them. Who is in which comes from an index, so a change of the last
// second may be missed; what a workspace has chosen is read consistently.
func (s *Store) OfUser(ctx context.Context, user string) ([]Workspace, error) {
	var ids []string
	pages := dynamodb.NewQueryPaginator(s.Client, UserQuery(s.Table, user))
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for the workspaces of a user: %w", err)
		}
		for _, item := range page.Items {
			ids = append(ids, dynamo.Text(item, "workspace"))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := s.Choices(ctx, ids)
	if err != nil {
		return nil, err
	}
	var there []Workspace
	for _, w := range found {
		if w.EndedAt.IsZero() {
			there = append(there, w)
		}
	}
	slices.SortFunc(there, func(a, b Workspace) int { return strings.Compare(a.ID, b.ID) })
	return there, nil
}

// UserQuery is the query by which the workspaces of a user are found.
func UserQuery(table, user string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &table, IndexName: aws.String(UserIndex),
		KeyConditionExpression:    aws.String("#user = :user"),
		FilterExpression:          aws.String("attribute_not_exists(left_at)"),
		ProjectionExpression:      aws.String("workspace"),
		ExpressionAttributeNames:  map[string]string{"#user": "user"},
		ExpressionAttributeValues: dynamo.Item{":user": dynamo.S(user)},
	}
}
