package notice

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"safekeep/shared/dynamo"
)

// AccountProfiles is Profiles on the Accounts table. It asks for the addresses in a
// user's item "profile" and for nothing else, so that its permission can be as
// narrow: the table holds second factors, too.
type AccountProfiles struct {
	Client *dynamodb.Client
	Table  string
}

// Profile implements Profiles.
func (p *AccountProfiles) Profile(ctx context.Context, user string) (Profile, error) {
	if user == "" {
		return Profile{}, nil // nobody's, and no key may be empty
	}
	out, err := p.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &p.Table, Key: dynamo.Item{"user": dynamo.S(user), "item": dynamo.S("profile")},
		ProjectionExpression: aws.String("email, email_before, email_since"), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return Profile{}, fmt.Errorf("reading the address of user %s: %w", user, err)
	}
	return Profile{dynamo.Text(out.Item, "email"), dynamo.Text(out.Item, "email_before"), dynamo.TimeOf(out.Item, "email_since")}, nil
}
