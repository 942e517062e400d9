// The part of the graph that the reads need.
export const typeDefs = /* GraphQL */ `
  scalar DateTime

  enum Channel {
    EMAIL
    SMS
  }

  type Query {
    segments(first: Int!): SegmentConnection!
    segment(id: ID!): Segment
    candidates(filter: CandidateFilter, first: Int!): CandidateConnection!
    quotaUsage: QuotaUsage!
  }

  input CandidateFilter {
    country: TextFilter
    skills: SkillFilter
  }

  input TextFilter {
    eq: String
  }

  input SkillFilter {
    hasAny: [String!]
  }

  type PageInfo {
    hasNextPage: Boolean!
  }

  type SegmentConnection {
    nodes: [Segment!]!
  }

  type Segment {
    id: ID!
    name: String!
    channel: Channel!
    memberCount: Int!
    members(first: Int!): SegmentMemberConnection!
  }

  type SegmentMemberConnection {
    pageInfo: PageInfo!
    edges: [SegmentMemberEdge!]!
  }

  type SegmentMemberEdge {
    addedAt: DateTime!
    node: Candidate!
  }

  type CandidateConnection {
    pageInfo: PageInfo!
    edges: [CandidateEdge!]!
  }

  type CandidateEdge {
    node: Candidate!
  }

  type Candidate {
    id: ID!
    firstName: String!
    lastName: String!
    email: String
    city: String
    country: String
    headline: String
    skills: [String!]!
    createdAt: DateTime!
    consents: [Consent!]!
    applications(first: Int!): ApplicationConnection!
  }

  type Consent {
    grantedAt: DateTime!
    expiresAt: DateTime
    withdrawnAt: DateTime
    source: String
    policy: PrivacyPolicy!
  }

  type PrivacyPolicy {
    id: ID!
    name: String!
  }

  type ApplicationConnection {
    pageInfo: PageInfo!
    edges: [ApplicationEdge!]!
  }

  type ApplicationEdge {
    appliedAt: DateTime!
    vacancy: Vacancy!
  }

  type Vacancy {
    id: ID!
    title: String!
    openedAt: DateTime!
  }

  type QuotaUsage {
    limit: Int!
    used: Int!
    reserved: Int!
    remaining: Int!
  }
`;
