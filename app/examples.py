"""The queries that GraphiQL offers; the README walks through them."""

from app.engine.graphiql import Example

EXAMPLES = [
    Example(
        "Who am I?",
        """query WhoAmI {
  viewer {
    subject
    permissions
    account {
      id
      name
    }
  }
}
""",
    ),
    Example(
        "Segments and their members",
        """query Segments {
  segments(first: 20) {
    nodes {
      id
      name
      channel
      memberCount
      lastModifiedAt
      members(first: 5) {
        edges {
          addedAt
          node {
            fullName
            eligibility(channel: SMS) {
              eligible
              reasons {
                code
                policy {
                  name
                }
              }
            }
          }
        }
      }
    }
  }
}
""",
    ),
    Example(
        "Search candidates",
        """query Search($filter: CandidateFilter) {
  candidates(filter: $filter, first: 10) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    nodes {
      id
      fullName
      email
      city
      headline
      skills
    }
  }
}
""",
        {"filter": {"text": "engineer", "eligibleFor": "EMAIL"}},
    ),
    Example(
        "One candidate, everything",
        """query Candidate($text: String!) {
  candidates(filter: { text: $text }, first: 1) {
    nodes {
      fullName
      email
      verifiedMobile
      consents {
        policy {
          name
        }
        active
        grantedAt
        expiresAt
        withdrawnAt
      }
      email: eligibility(channel: EMAIL) {
        eligible
        reasons {
          code
          message
        }
      }
      sms: eligibility(channel: SMS) {
        eligible
        reasons {
          code
          message
        }
      }
      endpoints {
        channel
        address
      }
      segments {
        nodes {
          name
        }
      }
      applications {
        edges {
          appliedAt
          vacancy {
            title
          }
        }
      }
      candidateLists {
        name
      }
    }
  }
}
""".replace("      email\n      verifiedMobile", "      address: email\n      verifiedMobile"),
        {"text": "nurse"},
    ),
    Example(
        "Make a segment",
        """mutation MakeSegment($input: CreateSegmentInput!) {
  createSegment(input: $input) {
    segment {
      id
      name
      channel
    }
    userErrors {
      code
      message
      path
    }
  }
}
""",
        {"input": {"name": "Engineers by e-mail", "channel": "EMAIL"}},
    ),
    Example(
        "What would adding them do?",
        """query Preview($segmentId: ID!, $candidates: CandidateSelection!) {
  addCandidatesPreview(segmentId: $segmentId, candidates: $candidates) {
    matchedCount
    alreadyMemberCount
    addableCount
    ineligible {
      code
      count
    }
    newEndpointCount
    fitsQuota
    quotaUsage {
      limit
      used
      remaining
    }
  }
}
""",
        {
            "segmentId": "paste the id of a segment",
            "candidates": {"allSearchResults": {"filter": {"text": "engineer"}}},
        },
    ),
    Example(
        "Add all search results",
        """mutation AddAll($input: AddCandidatesToSegmentInput!) {
  addCandidatesToSegment(input: $input) {
    operation {
      id
      status
      matchedCount
      addedCount
      alreadyMemberCount
      ineligibleCount
      overQuotaCount
      ineligible {
        code
        count
      }
      skipped(first: 5) {
        edges {
          reasons
          overQuota
          node {
            fullName
          }
        }
      }
    }
    quotaUsage {
      limit
      used
      remaining
    }
    userErrors {
      code
      message
      path
      ... on QuotaExceededError {
        needed
        remaining
      }
    }
  }
}
""",
        {
            "input": {
                "segmentId": "paste the id of a segment",
                "candidates": {"allSearchResults": {"filter": {"text": "engineer"}}},
                "onQuotaExceeded": "FILL",
            }
        },
    ),
    Example(
        "Remove some again",
        """mutation Remove($input: RemoveCandidatesFromSegmentInput!) {
  removeCandidatesFromSegment(input: $input) {
    operation {
      id
      status
      removedCount
    }
    quotaUsage {
      used
      remaining
    }
    userErrors {
      code
      message
      path
    }
  }
}
""",
        {
            "input": {
                "segmentId": "paste the id of a segment",
                "candidates": {"allSearchResults": {"filter": {"skills": {"hasAny": ["Data Engineering"]}}}},
            }
        },
    ),
    Example(
        "Segments a candidate may join",
        """query Available($candidateId: ID!) {
  segments(filter: { availableFor: $candidateId }) {
    nodes {
      id
      name
      channel
    }
  }
}
""",
        {"candidateId": "paste the id of a candidate"},
    ),
    Example(
        "What the contract allows",
        """query Quota {
  quotaUsage {
    limit
    used
    reserved
    remaining
    channels {
      channel
      used
    }
    contract {
      name
      startsOn
      endsOn
    }
  }
}
""",
    ),
    Example(
        "Follow what the contract allows",
        """subscription FollowQuota {
  quotaUsage {
    used
    remaining
  }
}
""",
    ),
    Example(
        "Undo the removal",
        """mutation Undo($input: UndoOperationInput!) {
  undoOperation(input: $input) {
    operation {
      kind
      status
      matchedCount
      addedCount
    }
    quotaUsage {
      used
      remaining
    }
    userErrors {
      code
      message
      path
    }
  }
}
""",
        {"input": {"operationId": "paste the id of an operation"}},
    ),
    Example(
        "The members as a file",
        """query File($segmentId: ID!) {
  segment(id: $segmentId) {
    name
    memberCount
    exportUrl(format: CSV)
  }
}
""",
        {"segmentId": "paste the id of a segment"},
    ),
    Example(
        "Who did what",
        """query Log {
  auditLog(first: 5) {
    nodes {
      at
      subject
      action
      targets {
        name
        id
      }
      counts {
        name
        count
      }
    }
  }
}
""",
    ),
]
