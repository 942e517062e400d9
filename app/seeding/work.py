"""What seeded people can do, what they are wanted for and how recruiters group them."""

SKILLS = (
    "Python", "Java", "JavaScript", "TypeScript", "SQL", "C#", "C++", "Go", "Rust", "PHP", "Ruby", "Kotlin", "Swift",
    "Scala", "R", "React", "Angular", "Vue.js", "Node.js", "Django", "Spring Boot", ".NET", "GraphQL", "REST APIs",
    "HTML/CSS", "PostgreSQL", "MySQL", "MongoDB", "Redis", "Elasticsearch", "Kafka", "AWS", "Azure", "Google Cloud",
    "Docker", "Kubernetes", "Terraform", "Ansible", "Linux", "CI/CD", "Git", "Machine Learning", "Data Engineering",
    "Data Analysis", "Power BI", "Tableau", "Excel", "SAP", "Salesforce", "Oracle", "Dynamics 365", "ServiceNow",
    "Cyber Security", "Networking", "Penetration Testing", "Agile", "Scrum", "Kanban", "Product Management",
    "Project Management", "Prince2", "ITIL", "Business Analysis", "Requirements Engineering", "UX Research",
    "UX Design", "UI Design", "Figma", "Adobe Photoshop", "InDesign", "Video Editing", "Copywriting", "SEO", "SEA",
    "Content Marketing", "E-mail Marketing", "Social Media", "Google Analytics", "Brand Management",
    "Public Relations", "Event Management", "Sales", "Account Management", "Key Account Management", "Telemarketing",
    "Negotiation", "Customer Service", "Call Centre", "Retail", "Merchandising", "Purchasing", "Procurement",
    "Supply Chain", "Logistics", "Warehousing", "Forklift Licence", "Order Picking", "Truck Driving", "Bus Driving",
    "Planning", "Transport Planning", "Import/Export", "Customs", "Accounting", "Bookkeeping", "Payroll",
    "Controlling", "Auditing", "Tax", "IFRS", "Financial Analysis", "Risk Management", "Compliance", "Insurance",
    "Mortgages", "Treasury", "Human Resources", "Recruitment", "Sourcing", "Employer Branding", "Training",
    "Coaching", "Labour Law", "Contract Law", "GDPR", "Nursing", "Intensive Care", "Elderly Care", "Paediatrics",
    "Midwifery", "Pharmacy", "Physiotherapy", "Dental Hygiene", "Laboratory Work", "Teaching", "Special Education",
    "Childcare", "Social Work", "Youth Work", "Welding", "CNC Milling", "Electrician", "Plumbing", "Carpentry",
    "Bricklaying", "Painting", "HVAC", "Maintenance", "Quality Control", "Lean", "Six Sigma", "AutoCAD", "SolidWorks",
    "Mechanical Engineering", "Electrical Engineering", "Civil Engineering", "Process Technology", "HACCP", "Cooking",
    "Hospitality", "Cleaning", "Gardening", "Security Guarding", "English", "German", "French", "Dutch", "Spanish",
)  # fmt: skip

JOBS = (
    "Software Engineer", "Senior Python Developer", "Java Developer", "Frontend Developer", "Data Engineer",
    "Data Analyst", "DevOps Engineer", "Product Owner", "Scrum Master", "IT Support Engineer", "Network Engineer",
    "Security Officer", "UX Designer", "Marketing Manager", "Content Marketer", "Account Manager", "Sales Executive",
    "Customer Service Representative", "Recruiter", "HR Business Partner", "Payroll Specialist", "Accountant",
    "Financial Controller", "Internal Auditor", "Legal Counsel", "Compliance Officer", "Buyer", "Supply Chain Planner",
    "Warehouse Employee", "Forklift Driver", "Truck Driver", "Logistics Coordinator", "Nurse", "ICU Nurse",
    "Physiotherapist", "Pharmacy Assistant", "Lab Technician", "Primary School Teacher", "Childcare Worker",
    "Social Worker", "Welder", "CNC Operator", "Electrician", "Plumber", "Service Engineer", "Mechanical Engineer",
    "Civil Engineer", "Quality Inspector", "Production Operator", "Chef", "Hotel Receptionist", "Store Manager",
    "Security Guard", "Cleaner", "Project Manager", "Business Analyst", "Executive Assistant", "Office Manager",
)  # fmt: skip

LISTS = (
    "Silver medallists", "Alumni", "Career fair Utrecht", "Graduates", "Referrals", "Talent pool Engineering",
    "Talent pool Care", "Seasonal workers", "Open to relocation", "Interns", "Call back in spring", "Executive search",
)  # fmt: skip

SOURCES = ("career site", "recruiter", "job fair", "import", "referral", None)
