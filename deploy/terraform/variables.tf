variable "name" {
  description = "What the queue, the roles and the services are called. Small letters, digits and hyphens."
  type        = string
  default     = "heart-rate"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}$", var.name))
    error_message = "The name begins with a small letter, and has small letters, digits and hyphens."
  }
}

variable "bucket" {
  description = "Name of the bucket. It is made here, and is unique in all of AWS."
  type        = string
}

variable "prefix" {
  description = "What the keys of the store begin with, without a slash at either end."
  type        = string
  default     = "readings"
}

variable "kms_key_arn" {
  description = "Key that the bucket and the queues are encrypted with. Empty: keys that AWS keeps."
  type        = string
  default     = ""
}

variable "old_version_days" {
  description = "Days after which what was deleted or written over is gone for good."
  type        = number
  default     = 7
}

variable "image" {
  description = "Image of the system, built from the Dockerfile. Empty: bucket, queues and policies only, no services."
  type        = string
  default     = ""
}

variable "subnet_ids" {
  description = "Private subnets of the services. They reach S3 and SQS through endpoints or a NAT gateway."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the services. The API listens on port 8000."
  type        = list(string)
  default     = []
}

variable "target_group_arn" {
  description = "Target group of your load balancer for the API, by address, port 8000. Empty: none."
  type        = string
  default     = ""
}

variable "allowed_hosts" {
  description = "Names by which clients address the API."
  type        = list(string)
  default     = []
}

variable "keys_secret_arn" {
  description = "Secret of Secrets Manager with the text of the file that `hrm keys create` writes. The API needs it."
  type        = string
  default     = ""
}

variable "apis" {
  description = "Tasks of the API."
  type        = number
  default     = 2
}

variable "consumers" {
  description = "Tasks that store what is queued."
  type        = number
  default     = 2
}

variable "compacters" {
  description = "Tasks that merge files."
  type        = number
  default     = 1
}
