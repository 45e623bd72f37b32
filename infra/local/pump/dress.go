package pump

import (
	"bytes"
	"encoding/json"
	"strings"
)

// dress turns records of a stream into those of a Lambda event: it adds where
// they come from and mends what DynamoDB Local gets wrong.
func (p *Pump) dress(batch []json.RawMessage) []any {
	source := strings.Replace(p.stream, ":ddblocal:", ":"+p.config.Region+":", 1)
	dressed := make([]any, 0, len(batch))
	for _, r := range batch {
		var record map[string]any
		d := json.NewDecoder(bytes.NewReader(r))
		d.UseNumber() // so that they are written as they were read
		if d.Decode(&record) != nil {
			continue // the service sends JSON
		}
		record["eventSourceARN"] = source
		record["awsRegion"] = p.config.Region
		change, _ := record["dynamodb"].(map[string]any)
		for _, image := range []string{"Keys", "NewImage", "OldImage"} {
			attributes, _ := change[image].(map[string]any)
			for _, value := range attributes {
				mend(value)
			}
		}
		dressed = append(dressed, record)
	}
	return dressed
}

// mend puts the type back into empty maps: DynamoDB Local writes {} into its
// streams where DynamoDB writes {"M":{}}.
func mend(value any) {
	attribute, _ := value.(map[string]any)
	if attribute == nil {
		return
	}
	if len(attribute) == 0 {
		attribute["M"] = map[string]any{}
		return
	}
	members, _ := attribute["M"].(map[string]any)
	for _, member := range members {
		mend(member)
	}
	elements, _ := attribute["L"].([]any)
	for _, element := range elements {
		mend(element)
	}
}
